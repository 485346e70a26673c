/** How components follow the active notebook. */

import { useEffect, useState } from 'react';
import type { INotebookInfo, INotebookLink } from '../tokens';

/** The active notebook, drawn again when something about it changes. */
export function useNotebook(link: INotebookLink): INotebookInfo | null {
  const [info, setInfo] = useState(link.current);
  useEffect(() => {
    const update = (): void => setInfo(link.current);
    update();
    link.changed.connect(update);
    return () => void link.changed.disconnect(update);
  }, [link]);
  return info;
}
