#!/usr/bin/env node
// The command of the package: `npx mayuse types`.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { declared, featuresOf } from "./typegen.js";

const HELP = `mayuse types SOURCE [--out FILE] [--check] [--key KEY]

Writes TypeScript declarations of a catalog's features: their codes as a union, and the values of CONFIG features.
Questions then take only codes that exist, and an answer's \`value\` has the type of its feature.

  SOURCE       a catalog document, a snapshot in one file, an address of one of them, or - for standard input;
               the folder of a snapshot is not read: \`mayuse build --file\` writes the file
  --out FILE   writes the declarations to this file; without it, they are printed
  --check      writes nothing, and fails if the file would change
  --key KEY    the API key for an address; that in MAYUSE_KEY if not given

Examples:
  npx mayuse types catalog.json --out mayuse.d.ts
  npx mayuse types catalog.snapshot --out src/mayuse.d.ts --check
  MAYUSE_KEY=... npx mayuse types https://mayuse.example.workers.dev/v1/catalog --out mayuse.d.ts

The file must be among those that tsc compiles: in a folder of \`include\`, or in \`files\`.
A snapshot's signature is not verified: the declarations decide nothing.

Exit status: 0 written or unchanged, 1 --check found a difference, 2 a bad argument or source.
`;

/** What a user can mend: it is shown without a stack. */
class Mistake extends Error {}

function argumentsOf(args) {
  try {
    const options = { out: { type: "string" }, check: { type: "boolean" }, key: { type: "string" }, help: { type: "boolean", short: "h" } };
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new Mistake(error.message);
  }
}

/** The bytes of a source. */
async function read(source, key) {
  if (!/^https?:/.test(source)) return readFileSync(source === "-" ? 0 : source);
  try {
    const response = await fetch(source, { headers: key ? { authorization: `Bearer ${key}` } : {} });
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    throw new Mistake(`${source} answered ${response.status}`);
  } catch (error) {
    throw error instanceof Mistake ? error : new Mistake(`${source}: ${error.cause?.message ?? error.message}`);
  }
}

async function run(args) {
  const { values, positionals } = argumentsOf(args);
  const [command, source, ...others] = positionals;
  if (values.help || command === undefined) {
    console.log(HELP);
    return values.help ? 0 : 2;
  }
  if (command !== "types") throw new Mistake(`there is no command \`${command}\`; the command is \`mayuse types\``);
  if (source === undefined || others.length > 0) throw new Mistake("expected one SOURCE");
  if (values.check && values.out === undefined) throw new Mistake("--check needs --out FILE");
  const bytes = await read(source, values.key ?? process.env.MAYUSE_KEY);
  const text = declared(featuresOf(bytes));
  if (values.out === undefined) {
    process.stdout.write(text);
    return 0;
  }
  const before = existing(values.out);
  if (before === text) return 0;
  if (values.check) {
    console.error(`${values.out} is ${before === undefined ? "missing" : "out of date"}: npx mayuse types ${source} --out ${values.out}`);
    return 1;
  }
  writeFileSync(values.out, text);
  return 0;
}

function existing(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  // Errors of the system and of the package say themselves what is wrong.
  const isMistake = error instanceof Mistake || error.code !== undefined;
  console.error(isMistake ? `mayuse types: ${error.message}` : error);
  process.exitCode = 2;
}
