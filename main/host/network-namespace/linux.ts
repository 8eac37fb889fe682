// Network namespaces of Linux.
export { enterNetworkNamespace } from '../../../native/libc-process.ts';
