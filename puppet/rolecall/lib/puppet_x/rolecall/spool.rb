# frozen_string_literal: true

module PuppetX
  module Rolecall
    # The folder in which reports wait for ship-reports: the writer's side. No locks. Any number
    # of threads and processes write, one shipper takes.
    #
    # Each line is one write to `incoming`. Whoever closes that file (the shipper at any time, a
    # writer when it is long enough) renames it to a segment, whose name sorts by time.
    class Spool
      INCOMING = 'incoming'
      SEGMENT = /\A\d{8}T\d{6}\.\d{9}\.jsonl\z/.freeze
      DROPPED = 'dropped'
      MAX_DROPPED = 1024 * 1024
      FOLDER_MODE = 0o750
      FILE_MODE = 0o640
      # Neither a pipe nor a link that lies in the place of a file is written to or waited for.
      FLAGS = File::RDWR | File::APPEND | File::CREAT | File::NONBLOCK | File::NOFOLLOW
      # The part of the limit at which `incoming` becomes a segment.
      PARTS = 8
      TRIES = 100

      # No try left the line whole in a file that was still `incoming`.
      class NotAppended < StandardError; end

      attr_reader :folder, :incoming

      # The limit is in bytes; the clock answers with a Time.
      def initialize(folder, limit, clock)
        @folder = folder
        @limit = limit
        @clock = clock
        @incoming = File.join(folder, INCOMING)
      end

      # Errno::... or NotAppended, if the line may not be there.
      def append(line)
        TRIES.times do
          @start, @finish = attempt(line)
          return if @start
        end
        raise NotAppended, "tried #{TRIES} times"
      end

      # After an append: closes a long `incoming` and deletes the oldest segments if all of them
      # exceed the limit. Returns [name, bytes] of each that was deleted. Segments appear whenever
      # somebody renamed `incoming`: that is, before a first line.
      def tend
        long = @finish >= @limit / PARTS
        close if long
        long || @start.zero? ? drop(excess(segments, @limit)) : []
      end

      private

      # [start, finish] of the line in `incoming`, or nil if it has to be written again:
      #
      # - The shipper renamed the file after we opened it, and may have read it before we wrote.
      #   The inode tells: it cannot be anybody else's while we have the file open.
      # - What precedes the line is no newline but the piece of one for which the disk had no room.
      #   Our line ended it. To cut it off or to end it at once would race with other writers.
      def attempt(line)
        open_incoming do |file|
          # The kernel writes less than all when the disk is full.
          raise Errno::ENOSPC unless file.syswrite(line) == line.bytesize

          finish = file.sysseek(0, IO::SEEK_CUR)
          start = finish - line.bytesize
          [start, finish] if begins_a_line?(file, start) && inode == file.stat.ino
        end
      end

      def begins_a_line?(file, start)
        return true if start.zero?

        file.sysseek(start - 1)
        file.sysread(1) == "\n"
      end

      def inode
        File.stat(@incoming).ino
      rescue Errno::ENOENT
        nil
      end

      # Made when it is missed. Another thread may make it between our failure and our look: so
      # what is tried again is the opening, twice at most.
      def open_incoming
        tries ||= 2
        File.open(@incoming, FLAGS, FILE_MODE) do |file|
          raise Errno::ENXIO unless file.stat.file?

          yield file
        end
      rescue Errno::ENOENT
        raise if (tries -= 1).zero?

        make_folder
        retry
      end

      def make_folder
        Dir.mkdir(@folder, FOLDER_MODE)
      rescue Errno::EEXIST
        raise Errno::ENOTDIR unless File.directory?(@folder)
      end

      # Another writer may have closed it: then a shorter one is closed, or there is none.
      def close
        File.rename(@incoming, File.join(@folder, segment_name))
      rescue Errno::ENOENT
        nil
      end

      # A name that was taken would be a segment lost. Clocks stand still for a microsecond or, in
      # a JVM, longer; so the last three digits are by chance.
      def segment_name
        now = @clock.call.getutc
        loop do
          chance = format('%03d', rand(1000))
          name = "#{now.strftime('%Y%m%dT%H%M%S.%6N')}#{chance}.jsonl"
          return name unless File.exist?(File.join(@folder, name))
        end
      end

      # [name, bytes] of each, oldest first.
      def segments
        names = Dir.children(@folder).select { |name| SEGMENT.match?(name) }
        names.sort.map { |name| [name, size(name)] }
      end

      # The shipper deletes what it has shipped.
      def size(name)
        File.size(File.join(@folder, name))
      rescue Errno::ENOENT
        0
      end

      # The oldest, as many as leave no more bytes than the limit.
      def excess(segments, limit)
        total = segments.map(&:last).sum
        segments.take_while do |_, bytes|
          over = total > limit
          total -= bytes
          over
        end
      end

      def drop(segments)
        segments.select do |name, bytes|
          deleted = delete(name)
          note(name, bytes) if deleted
          deleted
        end
      end

      def delete(name)
        File.delete(File.join(@folder, name)) == 1
      rescue Errno::ENOENT
        false
      end

      # Written after the deletion: a full disk, on which it fails, is emptied first.
      def note(name, bytes)
        path = File.join(@folder, DROPPED)
        File.rename(path, "#{path}.1") if File.exist?(path) && File.size(path) > MAX_DROPPED
        time = @clock.call.getutc.strftime('%Y-%m-%dT%H:%M:%S.%LZ')
        File.open(path, FLAGS, FILE_MODE) { |file| file.syswrite("#{time} #{name} #{bytes}\n") }
      rescue SystemCallError
        nil
      end
    end
  end
end
