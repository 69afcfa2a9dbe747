import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['node_modules/**', 'dist/**'],
    globalSetup: process.env.GATEWAY === 'docker' ? ['kong/testbed/docker-image.ts'] : [],
    // Against hanging, not against slowness: a busy machine is several times slower.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Test files start real processes; two cores run two files at a time.
    maxWorkers: 2,
  },
});
