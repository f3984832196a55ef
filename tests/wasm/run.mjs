// Runs a WebAssembly program that imports nothing: `node run.mjs PROGRAM.wasm`.
import { readFile } from "node:fs/promises";
import process from "node:process";

const program = await WebAssembly.compile(await readFile(process.argv[2]));
const imports = WebAssembly.Module.imports(program);
if (imports.length > 0) {
  console.error("it asks its host for something, and has to get along without:", imports);
  process.exit(1);
}
const { exports } = await WebAssembly.instantiate(program, {});
const failed = exports.main(0, 0);
if (failed !== 0) {
  console.error(`step ${failed} of tests/wasm/src/main.rs failed`);
  process.exit(1);
}
