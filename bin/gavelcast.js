#!/usr/bin/env node
// Syntax that old versions of Node can read too, so that they get the sentence below instead of a stack trace.
import fs from 'fs';
import url from 'url';

var NEEDED = 24;
var major = Number(process.versions.node.split('.')[0]);

if (major < NEEDED) {
  process.stderr.write(
    'gavelcast: needs Node ' +
      NEEDED +
      ' or later, but this is Node ' +
      process.versions.node +
      ' (' +
      process.execPath +
      ').\n' +
      '  fix: install Node ' +
      NEEDED +
      ' from https://nodejs.org or with "nvm install ' +
      NEEDED +
      '";\n' +
      '       or let npm bring it for this one call: npx -p node@' +
      NEEDED +
      ' -p gavelcast gavelcast\n',
  );
  process.exit(78);
}

// A published package has the compiled program, a checkout the sources.
var compiled = new url.URL('../dist/src/main.js', import.meta.url);
var source = new url.URL('../src/main.ts', import.meta.url);
var program = fs.existsSync(url.fileURLToPath(compiled)) ? compiled : source;

import(program.href).then(function (module) {
  return module.main();
});
