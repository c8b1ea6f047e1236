import { answer } from "../../full.js";

export const dynamic = "force-dynamic";

export default async function Page() {
  return <pre>{JSON.stringify(await answer())}</pre>;
}
