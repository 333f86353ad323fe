import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'docs/api/', 'node_modules/', 'data/'] },
  ...tseslint.configs.strict,
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/explicit-function-return-type': [
        'error',
        { allowExpressions: true, allowTypedFunctionExpressions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'TSEnumDeclaration', message: 'Use an `as const` object.' },
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
      ],
    },
  },
  {
    // Typed-array reads at an index just computed: the check would cost on the hot path.
    files: [
      'src/memory/**/*.ts',
      'src/ring/**/*.ts',
      'src/expiry/**/*.ts',
      'src/state/**/*.ts',
      'src/core/*siphash.ts',
      'src/protocol/msgpack-*.ts',
      'src/io/**/*.ts',
      'src/shard/**/*.ts',
      'src/commands/**/*.ts',
      'test/**/*.ts',
      'native-free-bench/**/*.ts',
    ],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['vitest.config.ts', 'eslint.config.js', 'docs/**/*.mjs'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
