# frozen_string_literal: true

Puppet::Type.type(:rolecall_setting).provide(:ruby) do
  desc 'By the libraries that Puppet has: inifile and hocon.'

  # Of a value that only we bring.
  NAME = 'rolecall'

  # Whether there is a file at all.
  def there?
    File.exist?(resource[:path])
  end

  def current
    file.ask { document.get(section, setting) }
  end

  def satisfied?
    return current.nil? if resource[:gone]

    file.ask do
      resource[:item] ? document.include?(base, resource[:item]) : document.same?(current, resource[:value])
    end
  end

  # Whether there is something to put back. What needs our files does not outlive them, though nothing is
  # remembered: a person has set it, or the memory is lost.
  def ours?
    return true if file.recall(key)
    return false if resource[:gone]

    file.ask { resource[:item] ? document.include?(current, resource[:item]) : named? }
  end

  # nil where nothing should be set. Puppet asks once more when it is set, to tell of it.
  def wanted
    return if resource[:gone]
    return resource[:value] unless resource[:item]

    file.ask { document.include?(base, resource[:item]) ? base : document.with(base, resource[:item]) }
  end

  def put
    ours = wanted
    file.put(key, current, ours) { set(ours) }
    forget
  end

  def put_back
    was, ours = file.recall(key) || [nil, resource[:value]]
    if untouched?(ours)
      file.put_back(key) { set(resource[:item] ? before_us(was) : was) }
    else
      Puppet.notice("#{resource[:path]}: #{setting} was changed since, and stays as it is: #{current || 'nothing'}")
      file.leave(key)
    end
    forget
  end

  private

  # What a list is added to: the server's own, or the one that it inherits.
  def base
    current || inherited || resource[:otherwise]
  end

  def inherited
    document.inherited(section, setting)
  end

  def named?
    resource[:value].include?(NAME) && document.same?(current, resource[:value])
  end

  # What others have put into the list since stays in it.
  def before_us(was)
    left = document.without(current, resource[:item])
    document.without(was || inherited || resource[:otherwise], resource[:item]) == left ? was : left
  end

  def untouched?(ours)
    return document.include?(current, resource[:item]) if resource[:item]

    ours.nil? ? current.nil? : document.same?(current, ours)
  end

  def set(value)
    value.nil? ? document.remove(section, setting) : document.set(section, setting, value)
  end

  def document
    file.document
  end

  # Read once for a resource: others of the same run may have changed the file before.
  def file
    @file ||= open
  end

  # Where a catalogue is compiled this is loaded, too, and the libraries need not be there.
  def open
    require_relative '../../../puppet_x/rolecall/conf/hocon'
    require_relative '../../../puppet_x/rolecall/conf/ini'
    require_relative '../../../puppet_x/rolecall/conf/site_file'
    kind = section ? PuppetX::Rolecall::Conf::Ini : PuppetX::Rolecall::Conf::HoconText
    PuppetX::Rolecall::Conf::SiteFile.new(resource[:path], resource[:store], kind)
  end

  def forget
    @file = nil
  end

  def key
    [section, setting].compact.join('/')
  end

  def section
    resource[:section]
  end

  def setting
    resource[:setting]
  end
end
