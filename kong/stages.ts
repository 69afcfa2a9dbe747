/** The stages of a gateway: each has a patch in kong/stages and secrets that are named after it. */
export const STAGES = ['dev', 'staging', 'prod'] as const;
