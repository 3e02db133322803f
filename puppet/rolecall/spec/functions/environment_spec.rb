# frozen_string_literal: true

require 'spec_helper'

describe 'rolecall::environment' do
  let(:secret) { sensitive("p@ss:w/ord#%") }

  it 'puts user and password into the URL, as URLs want them' do
    is_expected.to run
      .with_params('rolecall-service', 'redis://127.0.0.1:6390/0', secret, {})
      .and_return(sensitive(<<~FILE))
        # Puppet keeps this file.
        REDIS_URL="redis://rolecall-service:p%40ss%3Aw%2Ford%23%25@127.0.0.1:6390/0"
      FILE
  end

  it 'quotes what a shell and systemd would read otherwise' do
    is_expected.to run
      .with_params('x', 'unix:///run/redis.sock?db=0', secret, { 'A' => %q(a "b" $c \d `e`), 'B' => 5, 'C' => sensitive('c') })
      .and_return(sensitive(<<~'FILE'))
        # Puppet keeps this file.
        REDIS_URL="unix://x:p%40ss%3Aw%2Ford%23%25@/run/redis.sock?db=0"
        A="a \"b\" \$c \\d \`e\`"
        B="5"
        C="c"
      FILE
  end

  it 'refuses a value that would be another variable' do
    is_expected.to run
      .with_params('x', 'redis://127.0.0.1', secret, { 'A' => "a\nREDIS_URL=redis://evil" })
      .and_raise_error(/A: a variable has one line/)
  end

  it 'refuses a password that is not marked as one' do
    is_expected.to run.with_params('x', 'redis://127.0.0.1', 'plain', {}).and_raise_error(ArgumentError, /Sensitive/)
  end
end
