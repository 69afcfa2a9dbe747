/** The version of the package, which Kong shows for each plugin. package.json has the same. */
export const VERSION = '0.2.0';
