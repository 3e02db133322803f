# frozen_string_literal: true

require 'puppet'
require 'puppet/reports'
require_relative '../../puppet_x/rolecall/reporting'

Puppet::Reports.register_report(:rolecall) do
  desc <<-DESC
    Keep a summary of each report for rolecall, which learns from it that a
    node is ready and how its last run went.

    One line of JSON (status, noop, cached or not, environment, seconds,
    counts of resources, the first errors; at most 4 KiB) is appended to
    `incoming` in the folder that `spool` names in `/etc/rolecall/enc.conf`
    (`/var/lib/rolecall/spool`). `ship-reports` posts the lines from there.
    `spool_limit` (64) is how many MiB of reports are kept while nothing
    takes them; beyond it the oldest are deleted, and `dropped` says so.

    Nothing is sent from here and no lock is waited for, and a failure is a
    line in the server's log and nothing else: no run is longer, or fails,
    because of this.
  DESC

  # A report is extended with this module: every other method here would be one of the report's.
  def process
    PuppetX::Rolecall::Reporting.keep(self)
  end
end
