/**
 * Keeps the keyboard's focus where it was when a part of the page is drawn anew. The browser drops the focus of an
 * element that goes away or is disabled, and whoever has no mouse is back at the beginning of the page.
 */

import { useEffect, useRef } from 'react';

const DIALOG = '.jp-Dialog';
const FOCUSABLE = ':is(button, input, select, textarea, a[href], summary, [tabindex="0"]):not(:disabled, [hidden])';

/** To be put on the element whose inside is drawn anew. */
export function useKeptFocus<E extends HTMLElement>(): React.RefObject<E> {
  const ref = useRef<E>(null);
  useEffect(() => (ref.current ? keepFocus(ref.current) : undefined), []);
  return ref;
}

/**
 * From now on, focus that an element inside loses without the user's doing goes to the nearest thing inside that can
 * have it. A dialog only borrows it: whoever closes it may find the element gone. Returns how to stop.
 */
function keepFocus(root: HTMLElement): () => void {
  let focused: HTMLElement | null = null;
  let around: readonly HTMLElement[] = []; // from the nearest one outwards
  const isLost = (element: HTMLElement): boolean => !element.isConnected || element.matches(':disabled');

  const restore = (): void => {
    const active = document.activeElement;
    const isNowhere = active === null || active === document.body || active === focused;
    if (focused && isLost(focused) && isNowhere && !document.querySelector(DIALOG)) {
      const place = around.find(element => element.isConnected && element.querySelector(FOCUSABLE));
      place?.querySelector<HTMLElement>(FOCUSABLE)?.focus();
    }
  };
  const onFocus = ({ target }: FocusEvent): void => {
    const element = target as HTMLElement;
    if (root.contains(element)) {
      focused = element;
      around = ancestors(focused, root);
    } else if (!element.closest(DIALOG)) {
      focused = null;
    }
  };
  const onBlur = ({ relatedTarget }: FocusEvent): void => {
    const left = focused;
    if (relatedTarget !== null) {
      return;
    }
    // Nothing got it: the user clicked into the void, or the element is just going away.
    requestAnimationFrame(() => {
      const isInVoid = document.activeElement === document.body && document.hasFocus();
      if (focused === left && left && !isLost(left) && isInVoid) {
        focused = null;
      }
    });
  };
  const observer = new MutationObserver(restore);
  document.addEventListener('focusin', onFocus);
  root.addEventListener('focusout', onBlur);
  observer.observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled'] });
  observer.observe(document.body, { childList: true }); // where dialogs come and go
  return () => {
    observer.disconnect();
    document.removeEventListener('focusin', onFocus);
    root.removeEventListener('focusout', onBlur);
  };
}

function ancestors(element: HTMLElement, root: HTMLElement): HTMLElement[] {
  const found: HTMLElement[] = [];
  for (let each = element.parentElement; each && root.contains(each); each = each.parentElement) {
    found.push(each);
  }
  return found;
}
