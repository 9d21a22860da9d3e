#!/usr/bin/env node
'use strict';
// Plain JavaScript that every Node can read, so that an old one gets a sentence instead of a syntax error.
const NODE_MAJOR_MIN = 26;

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  process.stderr.write(
    `sallyport needs Node.js ${NODE_MAJOR_MIN} or later; this is Node.js ${process.versions.node} (${process.execPath})\n`,
  );
  process.exit(78);
}
const { main } = require('../src/main.ts');
async function run() {
  process.exitCode = await main(process.argv.slice(2));
}
void run();
