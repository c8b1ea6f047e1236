// Fifty thousand customers come in one import while everything else goes on: growing.mjs says what is held against what.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PUBLISHED_WITHIN_MS, grow } from "../growing.mjs";

const N = 50_000;

test(`${N} customers come while checks, upgrades and downgrades go on`, async (t) => {
  const { publishedAfter, slowestGap } = await grow(N, { say: (line) => t.diagnostic(line), nAsked: 10_000 });
  assert.ok(publishedAfter <= PUBLISHED_WITHIN_MS, `published ${publishedAfter} ms after the end of the import`);
  assert.ok(slowestGap <= PUBLISHED_WITHIN_MS, `${slowestGap} ms without a version`);
});
