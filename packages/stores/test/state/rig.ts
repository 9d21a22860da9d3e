import type { StateStore } from '@sallyport/kernel';
import { type SqliteStateOptions, SqliteStateStore } from '../../src/index.ts';

/** The driver behind the asynchronous port, as the store thread puts it there. */
export class SqlitePort implements StateStore {
  readonly driver: SqliteStateStore;

  constructor(options: SqliteStateOptions) {
    this.driver = new SqliteStateStore(options);
  }

  load: StateStore['load'] = async () => this.driver.load();
  commit: StateStore['commit'] = async (batch) => this.driver.commit(batch);
  readAudit: StateStore['readAudit'] = async (page) => this.driver.readAudit(page);
  verifyAudit: StateStore['verifyAudit'] = async (page) => this.driver.verifyAudit(page);
  release: StateStore['release'] = async () => this.driver.release();
}
