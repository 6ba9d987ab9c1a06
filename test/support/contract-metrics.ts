/**
 * The metrics that users build dashboards on, without the prefix, with their own labels beside `rotation`.
 */
export const contractMetrics: Readonly<Record<string, readonly string[]>> = {
  records_total: ['outcome'],
  conflicts_total: [],
  kms_requests_total: ['code', 'provider'],
  kms_request_duration_seconds: ['provider'],
  kms_calls_saved_total: ['by'],
  writes_verified_total: ['outcome'],
  store_duration_seconds: ['op'],
  batches_total: ['outcome'],
  batch_duration_seconds: [],
  batches_in_flight: [],
  pace_wait_seconds: [],
  rate_limit: ['kind'],
  remaining_records: [],
  failures_total: ['code'],
  rotation_state: ['state'],
  paused: ['cause'],
  queue_jobs: ['state'],
  build_info: ['version'],
};
