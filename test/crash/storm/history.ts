import type pg from 'pg';
import { z } from 'zod';

/** One write of a row, as the database saw it. */
const entry = z.object({
  seq: z.coerce.number(),
  id: z.string(),
  writer: z.string(),
  before: z.instanceof(Buffer).nullable(),
  after: z.instanceof(Buffer).nullable(),
  /** Something besides the value changed. */
  more: z.boolean(),
});
export type HistoryEntry = z.infer<typeof entry>;

/**
 * The table of customers, and the history of all its writes, which a trigger keeps: in the transaction of the
 * write, so that neither can be there without the other.
 */
export async function createHistoryTable(sql: pg.Pool): Promise<void> {
  await sql.query(`
    CREATE TABLE customers (id bigint PRIMARY KEY, value bytea, note text);
    CREATE TABLE history (seq bigserial, id text, writer text, before bytea, after bytea, more boolean);
    CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO history (id, writer, before, after, more) VALUES
        (coalesce(NEW.id, OLD.id), current_setting('application_name'), OLD.value, NEW.value,
         TG_OP <> 'UPDATE' OR (OLD.id, OLD.note) IS DISTINCT FROM (NEW.id, NEW.note));
      RETURN NULL;
    END $$;
    CREATE TRIGGER keep_history AFTER INSERT OR UPDATE OR DELETE ON customers
      FOR EACH ROW EXECUTE FUNCTION keep_history();`);
}

/** In the order of the writes to each row: the number is given while the row is locked. */
export async function readHistory(sql: pg.Pool): Promise<HistoryEntry[]> {
  const { rows } = await sql.query('SELECT * FROM history ORDER BY seq');
  return z.array(entry).parse(rows);
}

const row = z.object({ id: z.string(), value: z.instanceof(Buffer), note: z.string() });
export type FinalRow = z.infer<typeof row>;

export async function readTable(sql: pg.Pool): Promise<FinalRow[]> {
  const { rows } = await sql.query('SELECT id::text, value, note FROM customers');
  return z.array(row).parse(rows);
}
