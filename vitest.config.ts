import { defineConfig } from 'vitest/config';
import { NOT_IN_A_CONTAINER } from './kong/testbed/docker-kong-settings.js';

const IN_A_CONTAINER = process.env.GATEWAY === 'docker';

export default defineConfig({
  test: {
    exclude: ['node_modules/**', 'dist/**'],
    globalSetup: ['kong/testbed/build.ts'],
    reporters: ['default', './test/support/left-out.ts'],
    // Against hanging, not against slowness: a busy machine is several times slower.
    testTimeout: 60_000,
    hookTimeout: IN_A_CONTAINER ? 180_000 : 60_000,
    // Test files start real processes; two cores run two files at a time.
    maxWorkers: 2,
    projects: [
      // Next to what they test. npm run test:unit gives no file a process of its own, which saves a third of the time.
      { extends: true, test: { name: 'unit', include: ['{kong,plugins}/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['{scripts,test}/**/*.test.ts'],
          // Here: vitest's --exclude leaves nothing out of a project.
          exclude: IN_A_CONTAINER ? Object.keys(NOT_IN_A_CONTAINER).map((file) => `test/e2e/${file}`) : [],
          globalSetup: IN_A_CONTAINER ? ['kong/testbed/docker-image.ts'] : [],
        },
      },
    ],
  },
});
