/**
 * What a word of SQL is to the structure around it. Taken from the grammars of MySQL, PostgreSQL, SQL Server, Oracle and
 * SQLite; a word that is not here is a name. Words have several meanings (`user`, `replace`),
 * so a class is a set of bits.
 */
export const WORD = {
  name: 0,
  /** and, or, xor: joins two conditions. */
  logic: 1,
  /** not, binary, distinct ...: stands before an operand and changes nothing about the structure. */
  prefix: 2,
  /** like, in, between ...: compares two operands. */
  compare: 4,
  /** div, mod, collate: computes with two operands. */
  arithmetic: 8,
  /** union, intersect, except, minus. */
  union: 16,
  select: 32,
  from: 64,
  /** where, having, when, on: a condition follows. */
  condition: 128,
  /** order, group: `by` follows. */
  orderGroup: 256,
  by: 512,
  /** limit, offset, procedure, into ...: a clause that may follow any condition. */
  clause: 1024,
  /** insert, drop, exec ...: a statement of its own begins. */
  statement: 2048,
  /** table, database, user ...: what a statement is about. */
  object: 4096,
  /** null, true, false, current_user ...: an operand without parentheses. */
  constant: 8192,
  caseWord: 16384,
  /** A function of a data base, when parentheses follow. */
  callable: 32768,
  /** A function with an effect outside the result: time, files, processes, errors that carry data. */
  effect: 65536,
  /** A table or procedure that only the data base itself has. */
  catalog: 131072,
} as const;

const WORDS: readonly (readonly [bits: number, words: string])[] = [
  [WORD.logic, 'and or xor'],
  [WORD.prefix, 'not binary all any some distinct distinctrow top prior escape'],
  [WORD.compare, 'like ilike rlike regexp similar between in is sounds glob match overlaps member isnull notnull'],
  [WORD.arithmetic, 'div mod collate'],
  [WORD.union, 'union intersect except minus'],
  [WORD.select, 'select'],
  [WORD.from, 'from'],
  [WORD.condition, 'where having when on'],
  [WORD.orderGroup, 'order group'],
  [WORD.by, 'by'],
  [WORD.clause, 'limit offset procedure into for join inner outer natural cross using window'],
  [
    WORD.statement,
    'insert update delete drop create alter truncate exec execute call declare set shutdown waitfor if begin show prepare handler grant revoke use load merge copy do backup restore kill replace rename attach pragma deallocate describe reconfigure print while goto lock unlock flush purge analyze vacuum',
  ],
  [
    WORD.object,
    'table tables database databases index user users view function procedure schema schemas login trigger role sequence column columns variables status warnings processlist grants triggers plugins',
  ],
  [
    WORD.constant,
    'null true false unknown current_user session_user system_user current_date current_time current_timestamp localtime localtimestamp sysdate rownum rowid user default',
  ],
  [WORD.caseWord, 'case'],
  [
    WORD.callable,
    'abs acos ascii asin atan avg bin bit_and bit_length bit_or bit_xor cast ceil ceiling char char_length character_length chr coalesce concat concat_ws connection_id conv convert cos count crc32 database date_add db_name degrees elt encode decode exp field find_in_set floor format found_rows from_base64 greatest group_concat hex hextoraw host_name if ifnull inet_aton initcap instr is_member is_srvrolemember iif isnull json_extract json_keys lcase least left length list_agg listagg locate lower lpad ltrim make_set max md5 mid min nchar now nullif nvl object_id object_name oct ord patindex permissions pi position power quote quotename radians rand random regexp_replace repeat replace replicate reverse right round row_count rpad rtrim schema sha sha1 sha2 sign sin soundex space sqrt stddev strcmp string_agg stuff substr substring substring_index sum suser_name suser_sname tan to_base64 to_char to_hex to_number translate trim ucase uncompress unhex unicode upper user user_id user_name uuid variance version xmltype aes_decrypt aes_encrypt des_decrypt compress current_database current_schema current_setting query_to_xml table_to_xml database_to_xml st_latfromgeohash geometrycollection linestring polygon multipoint multipolygon multilinestring name_const gtid_subset gtid_subtract',
  ],
  [
    WORD.effect,
    'sleep benchmark pg_sleep pg_sleep_for pg_sleep_until load_file extractvalue updatexml xp_cmdshell xp_regread xp_dirtree xp_fileexist xp_availablemedia xp_servicecontrol xp_enumdsn xp_terminate_process xp_regwrite sp_password sp_executesql sp_oacreate sp_oamethod sp_makewebtask sp_addextendedproc openrowset opendatasource openquery pg_read_file pg_ls_dir pg_read_binary_file lo_import lo_export dblink_connect dblink_send_query generate_series analyse get_lock release_lock master_pos_wait randomblob load_extension sys_eval sys_exec readfile writefile fts3_tokenizer',
  ],
  [
    WORD.catalog,
    'information_schema sysobjects syscolumns sysusers sysdatabases sysxlogins sqlite_master sqlite_temp_master pg_catalog pg_tables pg_user pg_shadow pg_class pg_database all_tables all_tab_columns user_tables user_tab_columns all_users msysaccessobjects msysobjects msysaces dbms_pipe dbms_lock dbms_utility dbms_xmlgen dbms_ldap dbms_java utl_http utl_inaddr utl_file ctxsys ordsys sysmaster syscat sysibm rdb$relations xp_cmdshell',
  ],
];

/** No word of the table is longer, in characters; a longer one is a name. */
const WORD_LENGTH_MAX = 24;

const BITS_OF: ReadonlyMap<string, number> = bitsOfWords();

/** The words and their bits by `slotOf`, each where it belongs or at the next free place behind. */
const SLOTS = 2_048;
const WORD_AT: (Uint8Array | undefined)[] = Array.from({ length: SLOTS });
const BITS_AT: Int32Array = new Int32Array(SLOTS);
for (const [word, bits] of BITS_OF) {
  const bytes = bytesOf(word);
  let slot = slotOf(bytes, 0, bytes.length);
  while (WORD_AT[slot] !== undefined) slot = (slot + 1) % SLOTS;
  WORD_AT[slot] = bytes;
  BITS_AT[slot] = bits;
}

/**
 * By the first two characters of a word, how long words of the table are that begin so: a bit for each length. Most words
 * of prose are told by it to be names.
 */
const LENGTHS_OF: Int32Array = lengthsOfWords();

/** The bits of the word from `start` to before `end`, whatever its case; 0 for a name. */
export function wordBits(text: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > WORD_LENGTH_MAX || length === 0) return WORD.name;
  const lengths = LENGTHS_OF[beginningOf(text, start, length)] ?? 0;
  if (((lengths >>> length) & 1) === 0) return WORD.name;
  for (let slot = slotOf(text, start, end); ; slot = (slot + 1) % SLOTS) {
    const word = WORD_AT[slot];
    if (word === undefined) return WORD.name;
    if (word.length === length && isSame(text, start, word)) return BITS_AT[slot] ?? WORD.name;
  }
}

/** Where a word stands in the tables, or would stand. */
function slotOf(text: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let index = start; index < end; index++) hash = Math.imul(hash ^ foldedAt(text, index), 0x01000193);
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}

function isSame(text: Uint8Array, start: number, word: Uint8Array): boolean {
  for (let index = 0; index < word.length; index++) {
    if (foldedAt(text, start + index) !== foldedAt(word, index)) return false;
  }
  return true;
}

/** The same for both cases of a letter, and for no two other characters that words have. */
function foldedAt(text: Uint8Array, index: number): number {
  return (text[index] ?? 0) | 0x20;
}

function bitsOfWords(): Map<string, number> {
  const bitsOf = new Map<string, number>();
  for (const [bits, words] of WORDS) {
    for (const word of words.split(' ')) bitsOf.set(word, (bitsOf.get(word) ?? WORD.name) | bits);
  }
  return bitsOf;
}

function lengthsOfWords(): Int32Array {
  const lengths = new Int32Array(1_024);
  for (const word of BITS_OF.keys()) {
    const beginning = beginningOf(bytesOf(word), 0, word.length);
    lengths[beginning] = (lengths[beginning] ?? 0) | (1 << word.length);
  }
  return lengths;
}

/** Five bits of each of the first two characters; both cases of a letter have the same. */
function beginningOf(text: Uint8Array, start: number, length: number): number {
  const second = length > 1 ? (text[start + 1] ?? 0) & 31 : 0;
  return (((text[start] ?? 0) & 31) << 5) | second;
}

function bytesOf(word: string): Uint8Array {
  return Uint8Array.from(word, (character) => character.charCodeAt(0));
}
