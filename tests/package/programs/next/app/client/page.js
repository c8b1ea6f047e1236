"use client";
import { useEffect, useState } from "react";
import { answer } from "../../../full.js";

export default function Page() {
  const [text, setText] = useState("");
  useEffect(() => void answer().then((answer) => setText(JSON.stringify(answer)), (error) => setText(String(error))), []);
  return <pre>{text}</pre>;
}
