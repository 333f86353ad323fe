import { describe, expect, test } from 'vitest';
import { pointerFromPath } from '../../../src/protocol/singular-path.js';

describe('pointerFromPath', () => {
  test.each([
    ['$', ''],
    ['$.a', '/a'],
    ['$.a.b[0]', '/a/b/0'],
    ['$[\'a b\']["c.d"]', '/a b/c.d'],
    ["$['~']['a/b']['']", '/~0/a~1b/'],
    ['$.größe._x1', '/größe/_x1'],
  ])('%s is %j', (path, pointer) => {
    expect(pointerFromPath(path)).toBe(pointer);
  });

  test.each(['', 'a', '/a', '$a', '$.', '$..a', '$.*', '$[*]', '$[-1]', '$[01]', '$[0:2]'])(
    '%s names not just one place',
    (path) => {
      expect(pointerFromPath(path)).toBeUndefined();
    },
  );

  test.each(['$[?(@.a)]', "$['a\\'b']", "$['a','b']", '$.a ', '$.a[', "$['a"])(
    '%s is refused, too',
    (path) => {
      expect(pointerFromPath(path)).toBeUndefined();
    },
  );
});
