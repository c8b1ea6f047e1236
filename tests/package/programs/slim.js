// No top-level await: for scripts that are no modules, and for service workers.
import * as reader from "mayuse/slim";
import * as documents from "mayuse/document/slim";
import { asked } from "./asked.js";

export async function answer(readerEngine, documentEngine) {
  await Promise.all([reader.init(readerEngine), documents.init(documentEngine)]);
  return asked(reader, documents);
}
