// The two channels between Electron's main process and its window; what crosses them is in ipc.ts.
export const commandChannel = 'sealnic:command';
export const eventChannel = 'sealnic:event';
