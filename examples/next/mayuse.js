import { MayUse } from "mayuse";

let opened;

/** The snapshot, opened once. What could not be opened is tried again with the next request. */
export async function mayuse() {
  const { MAYUSE_SNAPSHOT_URL: url, MAYUSE_PUBLIC_KEY: publicKeys } = process.env;
  opened ??= MayUse.open({ url }, { publicKeys });
  try {
    return await opened;
  } catch (error) {
    opened = undefined;
    throw error;
  }
}

export const customer = (request) => request.headers.get("x-customer");
