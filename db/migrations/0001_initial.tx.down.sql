DROP TABLE retention, installation, ceremonies, security_keys, api_tokens;
DROP TABLE two_factor_reset_approvals, two_factor_resets, sweeps, audit_entries, audit_actors, member_teams, projects, teams, invitations, member_texts, members, sso_attempts, identities, sso_connections, compliance_days, organizations,
  account_alerts, security_events, rate_limits, phone_codes, challenges, devices, sessions, recovery_codes, phone_numbers, totp_seeds,
  authenticators, account_links, wrong_codes, credentials, users;
DROP FUNCTION keep_audit_months, add_audit_months, add_audit_month, keep_audit_actors, refuse_rewrite, keep_member_counts, keep_compliance_day, keep_two_factor_count, keep_two_factor, copy_two_factor, copy_two_factor_on, copy_texts, copy_texts_on, text_parts, text_parts_with, keep_key_removed;
DROP TYPE member_move;
