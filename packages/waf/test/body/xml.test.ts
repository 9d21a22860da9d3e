import { describe, expect, test } from 'vitest';
import { BODY_LIMITS, parseBody, parseContentType } from '../../src/body/index.ts';

const XML_TYPE = parseContentType(['application/xml']);

const pairs = (values: readonly { readonly name: string; readonly value: string }[]): string[] =>
  values.map(({ name, value }) => `${name}=${value}`);

describe('an XML body', () => {
  test('gives a value for each text and each attribute', () => {
    const body = '<?xml version="1.0"?><a x="1" x="2"><b> t &lt;u </b><![CDATA[<s>]]><!-- c --><d y=\'&#x3c;\'/></a>';
    const found = parseBody(XML_TYPE, body);
    expect(pairs(found.xmlTexts)).toEqual(['b=t <u', 'a=<s>']);
    expect(pairs(found.xmlAttributes)).toEqual(['x=1', 'x=2', 'y=<']);
    expect(pairs(found.xmlMarkup)).toEqual(['=xml version="1.0"', 'a=a', 'b=b', 'a= c ', 'd=d']);
    expect([found.error, [...found.flags], found.args]).toEqual([undefined, ['DUPLICATE_KEY'], []]);
  });

  test.each([
    ['an entity that it does not know', '<a>&evil;</a>', 'ENTITY'],
    ['an ampersand alone', '<a>x & y</a>', 'ENTITY'],
    ['a character set that hides markup', '<?xml version="1.0" encoding="UTF-7"?><a/>', 'CHARSET'],
    ['a document type', '<!DOCTYPE a><a/>', 'DOCTYPE'],
  ])('flags %s', (_, body, flag) => {
    expect(parseBody(XML_TYPE, body).flags).toContain(flag);
  });

  test('never expands an entity of a document type, and shows its declaration to the rules', () => {
    const body = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd"> <!-- ]> -->]><a>&x;</a>';
    const found = parseBody(XML_TYPE, body);
    expect(found.error?.message).toBe('The XML body has a document type');
    expect(pairs(found.xmlTexts)).toEqual([`!DOCTYPE=${body.slice(0, body.indexOf('<a>'))}`, 'a=&x;']);
  });

  test.each([
    ['a start tag that does not fit', '<a>ok</b>evil'],
    ['text outside', '<a>ok</a>evil'],
    ['a second element at the top', '<a>ok</a><b>evil</b>'],
    ['a comment without end', '<a>ok<!-- evil'],
    ['a section without end', '<a>ok<![CDATA[evil'],
    ['an attribute without quotes', '<a>ok<b x=evil></b></a>'],
    ['an attribute with markup', '<a>ok<b x="<evil"></b></a>'],
    ['a tag that begins nothing', '<a>ok< evil></a>'],
    ['an error behind a document type', '<!DOCTYPE a><a>ok</b>evil'],
  ])('refuses %s and keeps the rest as a text and an argument', (_, body) => {
    const found = parseBody(XML_TYPE, body);
    expect(found.xmlTexts.map(({ value }) => value)).toContain('ok');
    expect(found.error?.message).toMatch(/^The XML body /);
    expect(found.rest?.value).toContain('evil');
    expect([found.args.at(-1), found.xmlTexts.at(-1)]).toEqual([found.rest, found.rest]);
  });

  test.each([
    ['too deep', '<a><b><c>evil</c></b></a>', { depthMax: 2 }],
    ['with too many values', '<a x="1" y="evil"/>', { valuesMax: 2 }],
  ])('refuses a body %s and keeps the rest', (_, body, limits) => {
    expect(parseBody(XML_TYPE, body, { ...BODY_LIMITS, ...limits }).rest?.value).toContain('evil');
  });
});
