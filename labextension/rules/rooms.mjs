/**
 * The direction of imports: api <- kit <- capabilities <- index. A capability is any other folder of `src`; of another
 * one it may know the tokens, and nothing else. So a new capability is a new folder and its row in `index.ts`.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The folders of the capabilities. */
export function capabilities(src) {
  return readdirSync(src, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && !['api', 'kit'].includes(entry.name))
    .map(entry => entry.name)
    .sort();
}

/** ESLint's configuration: what each folder may not import. */
export function rooms(root) {
  const found = capabilities(join(root, 'src'));
  return [
    room('api', `(kit|${found.join('|')}|index)(/|$)`, 'The api knows nothing of the panel.'),
    room('kit', `(${found.join('|')}|index)(/|$)`, 'The kit knows no capability.'),
    ...found.map(name => {
      const others = found.filter(other => other !== name);
      return room(
        name,
        `((${others.join('|')})/(?!tokens$)|index$)`,
        'Of another capability only its tokens are known.'
      );
    })
  ];
}

function room(name, forbidden, message) {
  const patterns = [{ regex: `^(\\.\\./)+${forbidden}`, message }];
  return { files: [`src/${name}/**/*.{ts,tsx}`], rules: { 'no-restricted-imports': ['error', { patterns }] } };
}
