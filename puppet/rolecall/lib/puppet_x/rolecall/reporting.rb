# frozen_string_literal: true

require 'puppet'
require_relative 'settings'
require_relative 'spool'
require_relative 'summary'

module PuppetX
  module Rolecall
    # What the report processor does with one report. It never raises: an exception would end
    # the request that brought the report.
    module Reporting
      # All but the signals and the exits: those are meant for the whole process.
      FAILURES = [StandardError, ScriptError, NoMemoryError, SystemStackError].freeze

      MAX_MESSAGE = 1000
      WRITE = 'let the user that runs the puppetserver write there'
      MOVE = 'move away what lies there, or name another folder as spool in enc.conf'
      ROOM = 'make room on that disk'
      NEXT_STEPS = {
        Errno::ENOENT => 'create the folder that it is to lie in',
        Errno::EACCES => WRITE, Errno::EPERM => WRITE, Errno::EROFS => WRITE,
        Errno::ENOSPC => ROOM, Errno::EDQUOT => ROOM,
        Errno::ENOTDIR => MOVE, Errno::EISDIR => MOVE, Errno::ELOOP => MOVE, Errno::ENXIO => MOVE
      }.freeze
      OWNER = 'the first report to the puppetserver makes it, or create it for the user that runs ' \
              'the puppetserver'
      OTHERWISE = 'if it comes again, take rolecall out of reports in puppet.conf and tell us'

      def self.keep(report, environment = ENV, clock = -> { Time.now })
        settings = Settings.read(environment)
        settings.problems.each { |problem| say(problem) }
        spool = Spool.new(settings.spool, settings.spool_limit, clock)
        spool.append(Summary.line(report))
        tend(spool, report)
      rescue Summary::NotAReport => e
        say("a report of #{name(report)} is not kept: #{e.message}; look at that node's agent")
      rescue Spool::NoFolder => e
        say("the report of #{name(report)} is not kept: #{e.message}, and root makes none; " \
            "#{OWNER}")
      rescue *FAILURES => e
        where = spool ? spool.incoming : 'its summary'
        say("the report of #{name(report)} is not kept: #{where}: #{reason(e)}; #{next_step(e)}")
      end

      # The report is safe by now: what fails here is said, and tried again with the next one.
      def self.tend(spool, report)
        spool.tend do |segment, bytes|
          say("#{spool.folder} is over its spool_limit: #{segment} (#{bytes} bytes of reports " \
              'that nobody took) is deleted; see whether ship-reports runs')
        end
      rescue *FAILURES => e
        say("the report of #{name(report)} is kept, but #{spool.folder} cannot be held to its " \
            "spool_limit: #{reason(e)}; #{next_step(e)}")
      end

      # C Ruby adds the C function and the path to these messages, JRuby only the path.
      def self.reason(error)
        error.is_a?(SystemCallError) ? error.class.new.message : "#{error.class}: #{error.message}"
      end

      def self.next_step(error)
        NEXT_STEPS.fetch(error.class, OTHERWISE)
      end

      def self.name(report)
        Summary.text(report.host, Summary::MAX_CERTNAME)
      end

      # One line: nothing of what an agent sent passes for a line of its own or steers a terminal.
      def self.say(message)
        Puppet.err("rolecall: #{Summary.text(message, MAX_MESSAGE).gsub(/[^[:print:]]/, '?')}")
      end
    end
  end
end
