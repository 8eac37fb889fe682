// The product's version, for both sides: that of package.json, or what a package was built as.
import manifest from '../../package.json' with { type: 'json' };

export const productVersion: string = manifest.version;
