// The entries that know where their engine is.
import * as reader from "mayuse";
import * as documents from "mayuse/document";
import { answersOf } from "./support/vectors.mjs";
import { asked, explained } from "./asked.js";

export async function answer() {
  const answers = await asked(reader, documents);
  await explained(reader, documents);
  return answers;
}

export const vectors = (file) => answersOf(documents, file);
