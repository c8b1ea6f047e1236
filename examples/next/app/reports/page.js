import { headers } from "next/headers";
import { decisionOf } from "mayuse/next";

export default async function Reports() {
  const { reason, origin } = decisionOf(await headers());
  return <p>Your report. {reason}, by {origin.name}.</p>;
}
