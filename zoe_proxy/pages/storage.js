/*
 * Storage and cookies in memory, for pages in Zoe's sandbox: the browser denies them the real ones, and many programs
 * end at that. What is kept here goes with the page, is seen by it alone, and is sent nowhere.
 */
'use strict';
(() => {
  const denied = read => {
    try {
      read();
      return false;
    } catch {
      return true;
    }
  };

  const memory = () => {
    const kept = new Map();
    const own = {
      getItem: name => kept.get(String(name)) ?? null,
      setItem: (name, value) => void kept.set(String(name), String(value)),
      removeItem: name => void kept.delete(String(name)),
      clear: () => kept.clear(),
      key: index => [...kept.keys()][index] ?? null
    };
    return new Proxy(Object.create(Storage.prototype), {
      get: (target, name) => {
        if (name === 'length') {
          return kept.size;
        }
        return typeof name === 'symbol' ? Reflect.get(target, name) : (own[name] ?? kept.get(name));
      },
      set: (_, name, value) => {
        own.setItem(name, value);
        return true;
      },
      deleteProperty: (_, name) => {
        own.removeItem(name);
        return true;
      },
      has: (target, name) => kept.has(name) || Reflect.has(target, name),
      ownKeys: () => [...kept.keys()],
      getOwnPropertyDescriptor: (_, name) =>
        kept.has(name) ? { value: kept.get(name), writable: true, enumerable: true, configurable: true } : undefined
    });
  };

  for (const name of ['localStorage', 'sessionStorage']) {
    if (denied(() => window[name])) {
      Object.defineProperty(window, name, { value: memory(), enumerable: true, configurable: true });
    }
  }

  if (denied(() => document.cookie)) {
    const jar = new Map();
    const set = text => {
      const [pair, ...attributes] = String(text).split(';');
      const at = pair.indexOf('=');
      const name = pair.slice(0, Math.max(at, 0)).trim();
      const ended = attributes.some(attribute => {
        const [key, value = ''] = attribute.trim().split('=');
        return /^max-age$/i.test(key) ? Number(value) <= 0 : /^expires$/i.test(key) && Date.parse(value) <= Date.now();
      });
      jar.delete(name);
      if (!ended) {
        jar.set(name, pair.slice(at + 1).trim());
      }
    };
    const get = () => [...jar].map(([name, value]) => (name ? `${name}=${value}` : value)).join('; ');
    Object.defineProperty(document, 'cookie', { get, set, enumerable: true, configurable: true });
  }
})();
