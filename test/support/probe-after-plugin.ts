/** The probe under another name and with a lower priority: it runs after the probe. */
export { Plugin, Schema, Version } from './probe-plugin.js';

export const Name = 'probe-after';
export const Priority = 700;
