// The entries that know where their engine is.
import * as reader from "mayuse";
import * as documents from "mayuse/document";
import { answersOf } from "./support/vectors.mjs";
import { asked } from "./asked.js";

export const answer = () => asked(reader, documents);
export const vectors = (file) => answersOf(documents, file);
