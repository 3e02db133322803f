# frozen_string_literal: true

require_relative '../../../puppet_x/rolecall/conf/hocon'
require_relative '../../../puppet_x/rolecall/conf/ini'
require_relative '../../../puppet_x/rolecall/conf/site_file'

Puppet::Type.type(:rolecall_setting).provide(:ruby) do
  desc 'By the libraries that Puppet has: inifile and hocon.'

  def current
    document.get(section, setting)
  end

  def satisfied?
    return current.nil? if resource[:gone]
    return document.include?(current || resource[:otherwise], resource[:item]) if resource[:item]

    document.same?(current, resource[:value])
  end

  def remembered?
    !file.recall(key).nil?
  end

  # nil where nothing should be set.
  def wanted
    return if resource[:gone]
    return resource[:value] unless resource[:item]

    document.with(current || resource[:otherwise], resource[:item])
  end

  def put
    ours = wanted
    file.put(key, current, ours) { set(ours) }
    forget
  end

  def put_back
    was, ours = file.recall(key)
    if untouched?(ours)
      file.put_back(key) { set(resource[:item] ? before_us(was) : was) }
    else
      Puppet.notice("#{resource[:path]}: #{setting} was changed since, and stays as it is: #{current}")
      file.leave(key)
    end
    forget
  end

  private

  # What others have put into the list since stays in it.
  def before_us(was)
    left = document.without(current, resource[:item])
    document.without(was || resource[:otherwise], resource[:item]) == left ? was : left
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
    kind = section ? PuppetX::Rolecall::Conf::Ini : PuppetX::Rolecall::Conf::HoconText
    @file ||= PuppetX::Rolecall::Conf::SiteFile.new(resource[:path], resource[:store], kind)
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
