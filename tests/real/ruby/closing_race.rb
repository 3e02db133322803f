# frozen_string_literal: true

# Threads that all close a segment at once while the clock stands still, as after it was set back.
# Folder, rounds and threads come in as arguments. What goes out is JSON: how many rounds each of
# these was: `whole`, `lost` (a line of it is nowhere) and `full` (lines were written twice, as they
# may be, and exceeded the limit; it says nothing).

require 'json'
require 'puppet_x/rolecall/spool'

LINE = 16
# A line is long enough to be a segment.
LIMIT = LINE * PuppetX::Rolecall::Spool::PARTS
STILL = Time.at(0)

def write(folder, number, start)
  spool = PuppetX::Rolecall::Spool.new(folder, LIMIT, -> { STILL })
  Thread.pass until start.first
  spool.append(format("%0#{LINE - 1}d\n", number))
  deleted = []
  spool.tend { |name, _| deleted << name }
  deleted
end

def round(folder, count)
  Dir.mkdir(folder)
  start = []
  threads = Array.new(count) { |number| Thread.new { write(folder, number, start) } }
  start << true
  return 'full' if threads.flat_map(&:value).any?

  lines = Dir.children(folder).flat_map { |name| File.readlines(File.join(folder, name)) }
  lines.map(&:to_i).uniq.size == count ? 'whole' : 'lost'
end

folder, rounds, count = ARGV
found = Array.new(Integer(rounds)) do |number|
  round(File.join(folder, number.to_s), Integer(count))
end
puts JSON.generate(found.group_by(&:itself).transform_values(&:size))
