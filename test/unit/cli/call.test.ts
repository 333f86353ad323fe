import { describe, expect, test } from 'vitest';
import { callFrom } from '../../../src/cli/call.js';
import { UsageError } from '../../../src/cli/exit.js';

const TOKEN = 'SECRETsecretSECRETsecretSECRET12';

function usageErrorOf(args: readonly string[]): string {
  try {
    callFrom(args);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('the arguments were accepted');
}

describe('callFrom', () => {
  test.each([
    [['SV_PING'], '{"SV_PING":{}}'],
    [['SH_GET', '{"keys":["a"]}'], '{"SH_GET":{"keys":["a"]}}'],
    [['SH_COUNT', '--tkn', TOKEN], `{"SH_COUNT":{"tkn":"${TOKEN}"}}`],
    [['SH_COUNT', '--tkn', `-${TOKEN.slice(1)}`], `{"SH_COUNT":{"tkn":"-${TOKEN.slice(1)}"}}`],
    [['SH_COUNT', ' { } ', `--tkn=${TOKEN}`], `{"SH_COUNT":{"tkn":"${TOKEN}" } }`],
    [['--tkn', TOKEN, 'SH_GET', '{"keys":[]}'], `{"SH_GET":{"tkn":"${TOKEN}","keys":[]}}`],
    [['KV_SET', '{"keys":{"n":9007199254740993}}'], '{"KV_SET":{"keys":{"n":9007199254740993}}}'],
  ])('makes a frame of %j', (args, frame) => {
    expect(callFrom(args)).toEqual({ url: 'ws://127.0.0.1:1987', frame });
  });

  test('makes frames that are JSON whatever the command and the token hold', () => {
    const made = callFrom(['A"\\\n', '{}', '--tkn', '"\\']);
    expect(JSON.parse(made?.frame ?? '')).toEqual({ 'A"\\\n': { tkn: '"\\' } });
  });

  test('calls the server that --url names', () => {
    expect(callFrom(['SV_PING', '--url', 'wss://db.example:7'])?.url).toBe('wss://db.example:7');
  });

  test('gives way to help', () => {
    expect(callFrom(['--help'])).toBeUndefined();
  });

  test.each([
    [[], 'needs a COMMAND'],
    [[''], 'needs a COMMAND'],
    [['SV_PING', '{}', '{}'], 'quote the body'],
    [['SV_PING', '{'], 'not JSON'],
    [['SV_PING', '[]'], 'must be a JSON object'],
    [['SV_PING', 'null'], 'must be a JSON object'],
    [['SV_PING', '--url', 'http://localhost'], '--url must be'],
    [['SV_PING', '--url', 'localhost:1987'], '--url must be'],
    [['SV_PING', '--colour', 'red'], "Unknown option '--colour'"],
    [['SV_PING', '--tkn'], '--tkn'],
    [['SV_PING', '{"tkn":"x"}', '--tkn', 'y'], 'given twice'],
  ])('refuses %j in one line', (args, text) => {
    const message = usageErrorOf(args);
    expect(message).toContain(text);
    expect(message).not.toContain('\n');
  });

  test.each([
    [['SV_PING', '{}', 'x', '--tkn', TOKEN]],
    [['SV_PING', `{"tkn":"${TOKEN}"`]],
    [['SV_PING', `["${TOKEN}"]`]],
    [['SV_PING', `--tkn=${TOKEN}`, '--tkn']],
    [['SV_PING', `--token=${TOKEN}`]],
    [['SV_PING', '--tkn', `--${TOKEN}`]],
    [['SV_PING', `{"tkn":"${TOKEN}"}`, '--tkn', TOKEN]],
  ])('does not repeat a secret in the error of call %#', (args) => {
    expect(usageErrorOf(args)).not.toContain(TOKEN);
  });
});
