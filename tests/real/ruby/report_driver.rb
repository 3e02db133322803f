# frozen_string_literal: true

# Hands reports to Puppet as a puppetserver does, for tests/real/reportdriver.py: one JSON object
# a line comes in, one goes out.
#
#   reports   texts, as an agent or a person wrote them
#   format    "json" (the agents') or "yaml"
#   key       the certname in the request's URL; null: each report's own
#   env       variables for the processor
#   threads   how many hand in reports at once
#   spans     true: only the processor itself is called, and timed
#
# What goes out: `logs` ("err: message", of warnings and worse), `raised` (what saving raised, one
# for each report that did), and `ms`, if spans were asked for.

require 'json'
require 'puppet'
require 'puppet/reports'
require 'puppet/transaction/report'

LOGS = Queue.new
LOUD = %i[warning err alert emerg crit].freeze

Puppet::Util::Log.newdesttype(:driver) do
  def handle(log)
    LOGS << "#{log.level}: #{log.message}" if LOUD.include?(log.level)
  end
end

def drain(queue)
  Array.new(queue.size) { queue.pop }
end

def save(report, key)
  Puppet::Transaction::Report.indirection.save(report, key)
  nil
rescue StandardError => e
  "#{e.class}: #{e.message}"
end

def save_all(reports, key, threads)
  raised = Queue.new
  shares = reports.each_slice((reports.size.to_f / threads).ceil)
  shares.map { |share| Thread.new { share.each { |report| raised << save(report, key) } } }
        .each(&:join)
  drain(raised).compact
end

# As Puppet::Transaction::Report::Processor calls it.
def span(report, processor)
  ready = report.dup.extend(processor)
  begun = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  ready.process
  (Process.clock_gettime(Process::CLOCK_MONOTONIC) - begun) * 1000
end

def answer(request)
  ENV.update(request['env'])
  reports = request['reports'].map do |text|
    Puppet::Transaction::Report.convert_from(request['format'], text)
  end
  answer = if request['spans']
             processor = Puppet::Reports.report(:rolecall)
             { 'ms' => reports.map { |report| span(report, processor) }, 'raised' => [] }
           else
             { 'raised' => save_all(reports, request['key'], request['threads']) }
           end
  answer.merge('logs' => drain(LOGS))
ensure
  request['env'].each_key { |name| ENV.delete(name) }
end

folder = ARGV.fetch(0)
folders = %w[confdir codedir vardir ssldir rundir logdir publicdir]
Puppet.initialize_settings(folders.flat_map { |name| ["--#{name}", folder] } +
                           %w[--reports rolecall])
Puppet::Transaction::Report.indirection.terminus_class = :processor
# Puppet loads what these need when they are first asked for, which threads cannot do at once.
Puppet::Transaction::Report.indirection.terminus
Puppet::Reports.report(:rolecall)
Puppet::Util::Log.newdestination(:driver)
Puppet::Util::Log.level = :warning

$stdout.sync = true
$stdout.puts JSON.generate('ruby' => RUBY_ENGINE, 'puppet' => Puppet.version)
$stdin.each_line { |line| $stdout.puts JSON.generate(answer(JSON.parse(line))) }
