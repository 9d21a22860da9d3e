import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, parseClientMessage, parseName } from '../src/protocol.ts';

describe('a client message', () => {
  const accepted: readonly [string, unknown][] = [
    ['{"type":"join","name":"Ada"}', { type: 'join', name: 'Ada', token: null }],
    ['{"type":"join","name":"Ada","token":"abc"}', { type: 'join', name: 'Ada', token: 'abc' }],
    ['{"type":"input","seq":1,"dx":-1,"dy":0.5}', { type: 'input', seq: 1, dx: -1, dy: 0.5, dash: false }],
    ['{"type":"chat","text":"  hi  "}', { type: 'chat', text: 'hi' }],
    ['{"type":"chat","text":"a\\u202eb\\u0000c\\u200b"}', { type: 'chat', text: 'abc' }],
    [`{"type":"chat","text":"${'😀'.repeat(200)}"}`, { type: 'chat', text: '😀'.repeat(200) }],
    ['{"type":"chat","text":"\\ud800"}', { type: 'chat', text: '\ufffd' }],
    ['{"type":"ping","at":12.5}', { type: 'ping', at: 12.5 }],
  ];
  it.each(accepted)('%s is accepted', (text, value) => {
    expect(parseClientMessage(text)).toEqual({ kind: 'value', value });
  });

  const refused: readonly [string, ErrorCode][] = [
    ['', 'BAD_JSON'],
    ['{', 'BAD_JSON'],
    ['null', 'BAD_JSON'],
    ['[]', 'BAD_JSON'],
    ['"join"', 'BAD_JSON'],
    ['{}', 'UNKNOWN_TYPE'],
    ['{"type":"fly"}', 'UNKNOWN_TYPE'],
    ['{"type":["join"]}', 'UNKNOWN_TYPE'],
    ['{"__proto__":{"type":"ping","at":1}}', 'UNKNOWN_TYPE'],
    ['{"type":"join"}', 'NAME_INVALID'],
    ['{"type":"join","name":"Ada","token":7}', 'BAD_FIELD'],
    [`{"type":"join","name":"Ada","token":"${'x'.repeat(65)}"}`, 'BAD_FIELD'],
    ['{"type":"input","seq":-1,"dx":0,"dy":0}', 'BAD_FIELD'],
    ['{"type":"input","seq":1.5,"dx":0,"dy":0}', 'BAD_FIELD'],
    ['{"type":"input","seq":1,"dx":1.01,"dy":0}', 'BAD_FIELD'],
    ['{"type":"input","seq":1,"dx":1e999,"dy":0}', 'BAD_FIELD'],
    ['{"type":"input","seq":1,"dx":"1","dy":0}', 'BAD_FIELD'],
    ['{"type":"input","seq":1,"dx":0,"dy":0,"dash":1}', 'BAD_FIELD'],
    ['{"type":"chat"}', 'BAD_FIELD'],
    ['{"type":"chat","text":" \\u202e "}', 'BAD_FIELD'],
    [`{"type":"chat","text":"${'x'.repeat(201)}"}`, 'BAD_FIELD'],
    ['{"type":"ping"}', 'BAD_FIELD'],
    ['{"type":"ping","at":"1"}', 'BAD_FIELD'],
  ];
  it.each(refused)('%s is refused with %s', (text, code) => {
    expect(parseClientMessage(text)).toMatchObject({ kind: 'error', code });
  });

  it('never throws, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        expect(['value', 'error']).toContain(parseClientMessage(text).kind);
      }),
    );
  });
});

describe('a name', () => {
  const accepted: readonly [string, string][] = [
    ['Ada', 'Ada'],
    ['  Ada   Lovelace ', 'Ada Lovelace'],
    ['Åsa', 'Åsa'],
    ['Ａｄａ', 'Ada'],
    ['李', '李'],
    ['x_1.2-3', 'x_1.2-3'],
    ['1234567890123456', '1234567890123456'],
  ];
  it.each(accepted)('%j is shown as %j', (raw, value) => {
    expect(parseName(raw)).toEqual({ kind: 'value', value });
  });

  it.each([7, null, '', '   ', '_a', '12345678901234567', 'a\u0000b', 'a\u202eb', '<b>', '😀', '\ud800'])(
    '%j is refused',
    (raw) => {
      expect(parseName(raw)).toMatchObject({ kind: 'error', code: 'NAME_INVALID' });
    },
  );
});
