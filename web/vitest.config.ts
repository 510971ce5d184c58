import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['fanwire-source'] },
  ssr: { resolve: { conditions: ['fanwire-source'] } },
  test: { include: ['{sdk,demo}/test/**/*.test.ts'], testTimeout: 15_000 },
});
