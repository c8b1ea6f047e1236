import { headers } from "next/headers";
import { decisionOf } from "mayuse/next";

export default async function Page() {
  return <pre>{JSON.stringify({ decision: decisionOf(await headers()) })}</pre>;
}
