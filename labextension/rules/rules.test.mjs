/** The project's own lint rules do find what they are for, and there are no circles of imports. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { Linter } from 'eslint';
import ts from 'typescript';
import tseslint from 'typescript-eslint';
import { capabilities, rooms } from './rooms.mjs';
import { untranslated } from './words.mjs';

const ROOT = join(import.meta.dirname, '..');
const SOURCE = join(ROOT, 'src');
const parser = tseslint.parser;

/** How many problems there are in a piece of source at this place. */
function problems(code, file, ...configs) {
  const languageOptions = { parser, parserOptions: { ecmaFeatures: { jsx: true } } };
  const files = ['**/*.ts', '**/*.tsx'];
  return new Linter({ cwd: ROOT }).verify(code, [{ files, languageOptions }, ...configs], join(ROOT, file)).length;
}

test('a folder may import what is below it, and of its neighbours only the tokens', () => {
  const imports = (file, from) => problems(`import { x } from '${from}';`, file, ...rooms(ROOT));
  const [one, other] = capabilities(SOURCE);
  const allowed = [
    ['src/kit/a.ts', '../api/types'],
    ['src/kit/widgets/a.ts', '../model/store'],
    [`src/${one}/a.ts`, '../kit/model/store'],
    [`src/${one}/widgets/a.ts`, '../../api/types'],
    [`src/${one}/widgets/a.ts`, `../../${other}/tokens`],
    [`src/${one}/widgets/a.ts`, '../state']
  ];
  const forbidden = [
    ['src/api/a.ts', '../kit/tokens'],
    ['src/kit/a.ts', `../${one}/tokens`],
    ['src/kit/widgets/a.ts', `../../${one}/state`],
    [`src/${one}/a.ts`, `../${other}/state`],
    [`src/${one}/widgets/a.ts`, `../../${other}/widgets/card`],
    [`src/${one}/a.ts`, `../${other}/tokens-of-old`],
    [`src/${one}/a.ts`, '../index']
  ];
  assert.deepEqual(
    allowed.filter(([file, from]) => imports(file, from) !== 0),
    []
  );
  assert.deepEqual(
    forbidden.filter(([file, from]) => imports(file, from) === 0),
    []
  );
});

test('words that a person would read are found when they are not translated', () => {
  const config = { rules: { 'no-restricted-syntax': ['error', ...untranslated] } };
  const found = code => problems(code, 'src/shop/a.tsx', config);
  const fine = [
    "<p>{trans.__('Words')}</p>",
    "<b title={trans.__('Words')} className='jp-words'>{name}: {count}</b>",
    '<i className={`jp-zoe ${more}`}>{`${a} (${b})`}</i>',
    "commands.addCommand('zoe:start', { label: trans.__('Start'), execute: () => 'started' })",
    'tab.title.label = `${place.title}: ${place.name}`'
  ];
  const wrong = [
    '<p>Words</p>',
    "<p>{'Words'}</p>",
    "<p>{known ? 'Words' : ''}</p>",
    '<>{`${count} words`}</>',
    '<b title="Words" />',
    "<b aria-label={known ? 'Words' : other} />",
    '<input placeholder={`Find ${name}`} />',
    "commands.addCommand('zoe:start', { label: 'Start' })",
    "new ZoeProblem({ code: 'no-log', detail: `${name} has no process.` })",
    "node.textContent = 'Words'",
    "Notification.error('Words')",
    "node.setAttribute('aria-label', 'Words')"
  ];
  assert.deepEqual(
    fine.filter(code => found(code) !== 0),
    []
  );
  assert.deepEqual(
    wrong.filter(code => found(code) === 0),
    []
  );
});

test('no file imports itself by way of others', () => {
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name))
    .map(name => join(SOURCE, name));
  const graph = new Map(files.map(file => [file, importsOf(file, files)]));
  assert.ok([...graph.values()].flat().length > files.length, 'the imports were found');
  const circle = findCircle(graph);
  assert.deepEqual(
    circle.map(file => relative(SOURCE, file)),
    []
  );
  assert.equal(
    findCircle(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['b']]
      ])
    ).join(),
    'b,c,b'
  );
});

/** The files of the project that a file imports, types included. */
function importsOf(file, files) {
  return ts
    .preProcessFile(readFileSync(file, 'utf8'))
    .importedFiles.map(({ fileName }) => join(dirname(file), fileName))
    .flatMap(base => files.filter(other => other === `${base}.ts` || other === `${base}.tsx`));
}

/** A way from a node back to itself, or nothing. */
function findCircle(graph) {
  const done = new Set();
  const visit = (node, path) => {
    if (path.includes(node)) {
      return [...path.slice(path.indexOf(node)), node];
    }
    if (done.has(node)) {
      return [];
    }
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next, [...path, node]);
      if (circle.length > 0) {
        return circle;
      }
    }
    done.add(node);
    return [];
  };
  for (const node of graph.keys()) {
    const circle = visit(node, []);
    if (circle.length > 0) {
      return circle;
    }
  }
  return [];
}
