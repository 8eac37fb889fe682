// All that the window gets of the world: `window.sealnic`. It hands over and checks nothing; main does (ipc-server.ts).
import { contextBridge, type IpcRendererEvent, ipcRenderer } from 'electron';
import { commandChannel, eventChannel } from './channels.ts';
import type { SealnicBridge } from './ipc.ts';

const bridge: SealnicBridge = {
  invoke: (name, parameters) => ipcRenderer.invoke(commandChannel, name, parameters),
  on: (name, listener) => {
    const receive = (_: IpcRendererEvent, each: string, value: Parameters<typeof listener>[0]) => {
      if (each === name) listener(value);
    };
    ipcRenderer.on(eventChannel, receive);
    return () => ipcRenderer.off(eventChannel, receive);
  },
};

contextBridge.exposeInMainWorld('sealnic', bridge);
