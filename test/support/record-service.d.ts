export interface RecordService {
  readonly url: string;
  readonly token: string;
  put(id: string, record: { tenant: string | null; value: Uint8Array }): void;
  stop(): Promise<void>;
}

export function startService(): Promise<RecordService>;
