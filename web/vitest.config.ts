import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: { include: ['{sdk,demo}/test/**/*.test.ts'], testTimeout: 15_000 },
});
