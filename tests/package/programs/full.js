// The entries that know where their engine is.
import * as reader from "mayuse";
import * as documents from "mayuse/document";
import { answersOf, answersOfSnapshots } from "./support/vectors.mjs";
import { asked } from "./asked.js";

export const answer = () => asked(reader, documents);
/** The answers to a file of vectors, or those of snapshots. */
export const vectors = (asked) => (Array.isArray(asked) ? answersOfSnapshots(reader, asked) : answersOf(documents, asked));
