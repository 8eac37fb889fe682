// Which platform this is, for the window to know.
export const platform: string = process.platform;
