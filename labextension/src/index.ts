/** The extension: the kit, and a row for each capability. */

import { plugins as attachments } from './attachments/plugin';
import { plugins as executions } from './executions/plugin';
import { plugins as kit } from './kit/plugin';
import { plugins as leases } from './leases/plugin';
import { plugins as logs } from './logs/plugin';
import { plugins as pages } from './pages/plugin';
import { plugins as shop } from './shop/plugin';

export default [...kit, ...executions, ...shop, ...logs, ...pages, ...attachments, ...leases];
