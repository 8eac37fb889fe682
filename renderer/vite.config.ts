// Builds the window's files: one page, its script and its styles, all of them local.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  build: {
    outDir: '../dist/window',
    emptyOutDir: true,
    target: 'chrome130',
    // The page may load nothing but files of its own: no fonts or pictures within the styles.
    assetsInlineLimit: 0,
    modulePreload: false,
    // It is read from the disk, as one file.
    chunkSizeWarningLimit: 2000,
  },
});
