// The bundler puts the engines into the bundle.
import readerEngine from "mayuse/mayuse.wasm";
import documentEngine from "mayuse/document.wasm";
import { answer } from "./slim.js";

answer(readerEngine, documentEngine).then((answer) => console.log(JSON.stringify(answer)));
