# frozen_string_literal: true

module PuppetX
  module Rolecall
    # The folder in which reports wait for ship-reports: the writer's side. No locks. Any number
    # of threads and processes write, one shipper takes.
    #
    # Each line is one write to `incoming`. Whoever closes that file (the shipper at any time, a
    # writer when it is long enough) renames it to a segment, whose name sorts by when it was closed.
    #
    # The folder's owner, the user that runs the puppetserver, is to write and ship all that is in
    # it, whoever made it: what root makes here is given to that user.
    class Spool
      INCOMING = 'incoming'
      SEGMENT = /\A\d{8}T\d{6}\.\d{9}\.jsonl\z/.freeze
      DROPPED = 'dropped'
      MAX_DROPPED = 1024 * 1024
      FOLDER_MODE = 0o750
      FILE_MODE = 0o640
      # Neither a pipe nor a link that lies in the place of a file is written to or waited for.
      FLAGS = File::RDWR | File::APPEND | File::NONBLOCK | File::NOFOLLOW
      # The part of the limit at which `incoming` becomes a segment.
      PARTS = 8
      TRIES = 100
      # What a link that holds a segment's name points to: nothing.
      NOTHING = 'a-segment-is-being-closed'
      # So many names are there.
      NAMES = 10**23
      RANDOM = 2**64

      # No try left the line whole in a file that was still `incoming`.
      class NotAppended < StandardError; end

      # There is no folder, and root would be its owner.
      class NoFolder < StandardError; end

      attr_reader :folder, :incoming

      # The limit is in bytes; the clock answers with a Time.
      def initialize(folder, limit, clock)
        @folder = folder
        @limit = limit
        @clock = clock
        @incoming = File.join(folder, INCOMING)
      end

      # Errno::..., NoFolder or NotAppended, if the line may not be there.
      def append(line)
        TRIES.times do
          @start, @finish = attempt(line)
          return if @start
        end
        raise NotAppended, "tried #{TRIES} times"
      end

      # After an append: closes a long `incoming` and deletes the oldest segments if all of them
      # exceed the limit; yields the name and bytes of each that was deleted. Segments appear
      # whenever somebody renamed `incoming`: that is, before a first line.
      #
      # Errno::..., after all that could be done.
      def tend(&told)
        long = @finish >= @limit / PARTS
        close if long
      ensure
        drop(&told) if long || @start.zero?
      end

      private

      # [start, finish] of the line in `incoming`, or nil if it has to be written again:
      #
      # - The shipper renamed the file after we opened it, and may have read it before we wrote.
      #   The inode tells: it cannot be anybody else's while we have the file open.
      # - What precedes the line is no newline but the piece of one for which the disk had no room.
      #   Our line ended it. To cut it off or to end it at once would race with other writers.
      def attempt(line)
        open_file(@incoming) do |file|
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

      # Made when it is missed. Another thread may make or take it between our failure and our look:
      # so what is tried again is the opening.
      def open_file(path)
        tries ||= TRIES
        File.open(path, root? ? FLAGS : FLAGS | File::CREAT, FILE_MODE) do |file|
          raise Errno::ENXIO unless file.stat.file?

          give(file) if root?
          yield file
        end
      rescue Errno::ENOENT
        raise if (tries -= 1).zero?

        root? ? make_file(path) : make_folder
        retry
      end

      def make_folder
        Dir.mkdir(@folder, FOLDER_MODE)
      rescue Errno::EEXIST
        raise Errno::ENOTDIR unless File.directory?(@folder)
      end

      def root?
        Process.euid.zero?
      end

      # Under another name until it is the owner's: under its own, root's for a moment, a report
      # that the owner writes meanwhile would be lost.
      def make_file(path)
        draft = "#{path}.#{rand(RANDOM).to_s(16)}"
        to = owner
        File.open(draft, FLAGS | File::CREAT | File::EXCL, FILE_MODE) do |file|
          file.chown(to.uid, to.gid)
        end
        File.link(draft, path)
      rescue Errno::EEXIST
        nil
      ensure
        File.delete(draft) if to && File.exist?(draft)
      end

      # One that root made otherwise. With a second name it may be anybody's file elsewhere.
      def give(file)
        state = file.stat
        to = owner
        file.chown(to.uid, to.gid) if state.uid.zero? && !to.uid.zero? && state.nlink == 1
      end

      def owner
        File.stat(@folder)
      rescue Errno::ENOENT
        raise NoFolder, "there is no folder #{@folder}"
      end

      # Another writer may have closed it: then a shorter one is closed, or there is none.
      def close
        path = reserve
        File.rename(@incoming, path)
      rescue Errno::ENOENT
        nil
      ensure
        File.delete(path) if path && File.symlink?(path)
      end

      # The path of a segment that nobody else makes. A rename replaces whatever has the name, and
      # a second hard link to `incoming` could not be taken away again without the risk of taking
      # away the next `incoming`. So a link to nothing holds the name: it can be made only where
      # nothing is, nobody takes it for a segment, and a rename puts the file in its place at once.
      def reserve
        number = following
        begin
          path = File.join(@folder, segment_name(number))
          File.symlink(NOTHING, path)
          path
        rescue Errno::EEXIST
          number += 1
          retry
        end
      end

      # The time, but always after the newest: a clock may be set back.
      def following
        now = @clock.call.getutc.strftime('%Y%m%d%H%M%S%9N').to_i
        newest = names.max
        newest ? [now, newest.delete('^0-9').to_i + 1].max : now
      end

      def segment_name(number)
        digits = format('%023d', number % NAMES)
        "#{digits[0, 8]}T#{digits[8, 6]}.#{digits[14, 9]}.jsonl"
      end

      # Bytes are compared: a name may be no valid text, on which a match would fail.
      def names
        Dir.children(@folder).map(&:b).select { |name| SEGMENT.match?(name) }
      end

      # [name, bytes] of each, oldest first.
      def segments
        names.sort.map { |name| [name, size(name)] }.select(&:last)
      end

      # nil for what is no file, and for what the shipper, which deletes what it has shipped, has
      # just deleted.
      def size(name)
        state = File.lstat(File.join(@folder, name))
        state.size if state.file?
      rescue Errno::ENOENT
        nil
      end

      # The oldest, as many as leave no more bytes than the limit. One that cannot be deleted must
      # not keep the others.
      def drop
        found = segments
        over = found.map(&:last).sum - @limit
        failures = []
        found.each do |name, bytes|
          break unless over.positive?

          deleted = delete(name)
          over -= bytes
          next unless deleted

          note(name, bytes)
          yield name, bytes
        rescue SystemCallError => e
          failures << e
        end
        raise failures.first if failures.any?
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
        open_file(path) { |file| file.syswrite("#{time} #{name} #{bytes}\n") }
      rescue SystemCallError
        nil
      end
    end
  end
end
