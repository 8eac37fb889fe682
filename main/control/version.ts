// The product's version, for both sides. A test compares it with package.json.
export const productVersion = '0.1.0';
